import type { OrderStatus, Prisma } from '@prisma/client'
import { prisma } from '../lib/db.js'
import { notFound } from '../lib/errors.js'

const row = {
  id: true,
  number: true,
  status: true,
  total: true,
  currency: true,
  placedAt: true,
} satisfies Prisma.OrderSelect

/** The vendor's newest orders; the index has these columns in this order. */
export async function ofVendor(vendorId: string, before?: { placedAt: Date; id: string }) {
  return prisma.order.findMany({
    where: {
      vendorId,
      ...(before && {
        OR: [{ placedAt: { lt: before.placedAt } }, { placedAt: before.placedAt, id: { gt: before.id } }],
      }),
    },
    orderBy: [{ placedAt: 'desc' }, { id: 'asc' }],
    take: 50,
    select: row,
  })
}

export async function countOpen(vendorId: string): Promise<number> {
  return prisma.order.count({ where: { vendorId, status: 'PAID' } })
}

export async function detail(vendorId: string, orderId: string) {
  const order = await prisma.order.findFirst({
    where: { id: orderId, vendorId },
    select: {
      ...row,
      contactEmail: true,
      shippingAddress: { select: { street: true, city: true, postalCode: true, countryCode: true } },
      items: { select: { quantity: true, unitPrice: true, product: { select: { name: true } } } },
    },
  })
  if (!order) {
    throw notFound('order')
  }
  return order
}

export async function setStatus(vendorId: string, orderId: string, status: OrderStatus) {
  const { count } = await prisma.order.updateMany({ where: { id: orderId, vendorId }, data: { status } })
  if (count === 0) {
    throw notFound('order')
  }
}

export async function addNote(vendorId: string, orderId: string, note: string) {
  const { count } = await prisma.order.updateMany({ where: { id: orderId, vendorId }, data: { note } })
  if (count === 0) {
    throw notFound('order')
  }
}

/** For the packing list that the vendor prints. */
export async function packingList(orderIds: string[]) {
  return prisma.order.findMany({
    where: { id: { in: orderIds }, status: 'PAID' },
    take: 100,
    select: {
      number: true,
      shippingAddress: true,
      items: { select: { quantity: true, variant: { select: { label: true } } } },
    },
  })
}

/** Revenue of a vendor since a day. */
export async function revenueSince(vendorId: string, since: Date) {
  const { _sum } = await prisma.order.aggregate({
    where: { vendorId, status: { in: ['PAID', 'SHIPPED', 'DELIVERED'] }, placedAt: { gte: since } },
    _sum: { total: true },
  })
  return _sum.total
}

/** The customer's own orders. */
export async function ofCustomer(userId: string) {
  return prisma.order.findMany({
    where: { userId },
    orderBy: { placedAt: 'desc' },
    take: 50,
    select: { ...row, vendor: { select: { slug: true, legalName: true } } },
  })
}

/** Guests look up their order by the address that they gave. */
export async function ofGuest(contactEmail: string, number: string) {
  return prisma.order.findFirst({
    where: { contactEmail, number },
    select: row,
  })
}

/** Support: all orders of an address. */
export async function byEmail(contactEmail: string) {
  return prisma.order.findMany({
    where: { contactEmail },
    orderBy: { createdAt: 'desc' },
    take: 50,
    select: row,
  })
}

/** The vendor's export: a line for each order with the number of its pieces. */
export async function exportLines(vendorId: string, since: Date) {
  const orders = await prisma.order.findMany({
    where: { vendorId, placedAt: { gte: since } },
    orderBy: { placedAt: 'asc' },
    select: row,
  })
  const lines: string[] = []
  for (const order of orders) {
    const items = await prisma.orderItem.findMany({ where: { orderId: order.id }, select: { quantity: true } })
    const pieces = items.reduce((sum, item) => sum + item.quantity, 0)
    lines.push([order.number, order.status, order.total.toFixed(2), pieces].join(';'))
  }
  return lines
}

/** The same for one day, with the items in the same query. */
export async function dayLines(vendorId: string, from: Date, until: Date) {
  const orders = await prisma.order.findMany({
    where: { vendorId, placedAt: { gte: from, lt: until } },
    orderBy: { placedAt: 'asc' },
    take: 5000,
    select: { number: true, total: true, items: { select: { quantity: true } } },
  })
  return orders.map((order) =>
    [order.number, order.total.toFixed(2), order.items.reduce((sum, item) => sum + item.quantity, 0)].join(';'),
  )
}

/** Cancels what was never paid. Called with the vendor of the settings page, or by the nightly job for one vendor. */
export async function cancelStale(filter: { vendorId?: string }, olderThan: Date) {
  const { count } = await prisma.order.updateMany({
    where: { vendorId: filter.vendorId, status: 'PENDING', createdAt: { lt: olderThan } },
    data: { status: 'CANCELLED' },
  })
  return count
}
