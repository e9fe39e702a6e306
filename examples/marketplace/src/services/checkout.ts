import { randomUUID } from 'node:crypto'
import { Prisma } from '@prisma/client'
import { prisma } from '../lib/db.js'
import { HttpError, notFound } from '../lib/errors.js'
import { record } from './audit.js'
import * as coupons from './coupons.js'
import * as inventory from './inventory.js'
import * as payments from './payments.js'

export interface CheckoutInput {
  vendorId: string
  addressId: string
  contactEmail: string
  couponCode?: string
  source: string
}

async function readCart(userId: string, vendorId: string) {
  const cart = await prisma.cart.findUnique({
    where: { userId },
    select: {
      id: true,
      items: {
        where: { variant: { product: { vendorId } } },
        select: { quantity: true, variant: { select: { id: true, productId: true, price: true } } },
      },
    },
  })
  if (!cart || cart.items.length === 0) {
    throw notFound('cart')
  }
  return cart
}

/** The money is reserved before the transaction begins, so no lock waits for another company's server. */
export async function checkout(userId: string, input: CheckoutInput) {
  const cart = await readCart(userId, input.vendorId)
  const address = await prisma.address.findFirst({ where: { id: input.addressId, userId }, select: { id: true } })
  if (!address) {
    throw notFound('address')
  }
  const coupon = input.couponCode ? await coupons.find(prisma, input.vendorId, input.couponCode) : null
  const gross = cart.items.reduce(
    (sum, item) => sum.add(item.variant.price.mul(item.quantity)),
    new Prisma.Decimal(0),
  )
  const total = coupon ? gross.mul(100 - coupon.percentOff).div(100).toDecimalPlaces(2) : gross
  const orderId = randomUUID()
  const charge = await payments.authorize(orderId, total.mul(100).toNumber(), input.source)
  if (charge.status === 'failed') {
    throw new HttpError(402, 'payment was declined')
  }
  try {
    await prisma.$transaction(async (tx) => {
      await tx.order.create({
        data: {
          id: orderId,
          number: `M-${orderId.slice(0, 8).toUpperCase()}`,
          vendorId: input.vendorId,
          userId,
          shippingAddressId: address.id,
          couponId: coupon?.id ?? null,
          channel: 'web',
          contactEmail: input.contactEmail,
          total,
          placedAt: new Date(),
          items: {
            create: cart.items.map((item) => ({
              productId: item.variant.productId,
              variantId: item.variant.id,
              quantity: item.quantity,
              unitPrice: item.variant.price,
            })),
          },
          payments: { create: { chargeId: charge.id, amountCents: BigInt(total.mul(100).toFixed(0)) } },
        },
        select: { id: true },
      })
      // Always in the same order, so that two orders of the same goods cannot wait for each other.
      const items = [...cart.items].sort((a, b) => a.variant.id.localeCompare(b.variant.id))
      for (const item of items) {
        await inventory.take(tx, item.variant.id, item.quantity, orderId)
      }
      await tx.cartItem.deleteMany({
        where: { cartId: cart.id, variantId: { in: items.map((item) => item.variant.id) } },
      })
      await record(tx, { vendorId: input.vendorId, actorId: userId, action: 'order.placed', subject: orderId })
    })
  } catch (error) {
    await payments.refundCharge(charge.id)
    throw error
  }
  return { orderId, total }
}

/** Puts goods into the cart or adds to what is there. */
export async function addToCart(userId: string, variantId: string, quantity: number) {
  const cart = await prisma.cart.upsert({
    where: { userId },
    create: { userId },
    update: {},
    select: { id: true },
  })
  await prisma.cartItem.upsert({
    where: { cartId_variantId: { cartId: cart.id, variantId } },
    create: { cartId: cart.id, variantId, quantity },
    update: { quantity: { increment: quantity } },
  })
}

/** Takes over a cart that was filled before signing in. */
export async function mergeCarts(fromCartId: string, userId: string) {
  const items = await prisma.cartItem.findMany({ where: { cartId: fromCartId }, take: 200 })
  await Promise.all(items.map((item) => addToCart(userId, item.variantId, item.quantity)))
  await prisma.cart.delete({ where: { id: fromCartId } })
}
