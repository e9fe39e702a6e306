import type { Prisma } from '@prisma/client'
import { prisma } from '../lib/db.js'
import { HttpError, notFound } from '../lib/errors.js'

/** Takes goods for an order. The condition and the subtraction are one statement, so two orders cannot take the last piece. */
export async function take(tx: Prisma.TransactionClient, variantId: string, quantity: number, orderId: string) {
  const { count } = await tx.productVariant.updateMany({
    where: { id: variantId, stock: { gte: quantity } },
    data: { stock: { decrement: quantity } },
  })
  if (count === 0) {
    throw new HttpError(409, 'sold out')
  }
  await tx.inventoryMovement.create({ data: { variantId, orderId, delta: -quantity, reason: 'order' } })
}

/** A correction by hand after stocktaking. */
export async function correct(variantId: string, delta: number) {
  const variant = await prisma.productVariant.findUnique({ where: { id: variantId } })
  if (!variant) {
    throw notFound('variant')
  }
  const stock = variant.stock + delta
  if (stock < 0) {
    throw new HttpError(409, 'stock cannot be negative')
  }
  await prisma.productVariant.update({ where: { id: variantId }, data: { stock } })
  await prisma.inventoryMovement.create({ data: { variantId, delta, reason: 'correction' } })
}

/** Moves goods back from a cancelled order. */
export async function giveBack(orderId: string) {
  await prisma.$transaction(async (tx) => {
    const items = await tx.orderItem.findMany({
      where: { orderId },
      select: { variantId: true, quantity: true },
    })
    await prisma.inventoryMovement.createMany({
      data: items.map((item) => ({ variantId: item.variantId, orderId, delta: item.quantity, reason: 'cancelled' })),
    })
    await tx.order.update({ where: { id: orderId }, data: { status: 'CANCELLED' } })
  })
}

export interface StockLine {
  variantId: string
  stock: number
}

/** The nightly file of the warehouse: thousands of lines. */
export async function importStock(lines: StockLine[]) {
  for (const line of lines) {
    await prisma.productVariant.update({ where: { id: line.variantId }, data: { stock: line.stock } })
  }
}

/** The same in statements of a thousand lines. */
export async function importStockInBulk(lines: StockLine[]) {
  for (let start = 0; start < lines.length; start += 1000) {
    const chunk = lines.slice(start, start + 1000)
    const ids = chunk.map((line) => line.variantId)
    const stocks = chunk.map((line) => line.stock)
    await prisma.$executeRaw`
      UPDATE "ProductVariant" AS variant
      SET "stock" = line.stock
      FROM unnest(${ids}::uuid[], ${stocks}::int[]) AS line(id, stock)
      WHERE variant."id" = line.id`
  }
}

/** What is about to run out. */
export async function runningLow(vendorId: string) {
  return prisma.productVariant.findMany({
    where: { stock: { lt: 5 }, product: { vendorId, deletedAt: null } },
    orderBy: { stock: 'asc' },
    take: 100,
    select: { id: true, label: true, stock: true, product: { select: { id: true, name: true } } },
  })
}

/** The movements of one variant since a day; the index has both columns in this order. */
export async function movementsSince(variantId: string, since: Date) {
  return prisma.inventoryMovement.findMany({
    where: { variantId, createdAt: { gte: since } },
    orderBy: { createdAt: 'asc' },
    take: 500,
  })
}
