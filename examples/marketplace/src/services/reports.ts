import { Prisma } from '@prisma/client'
import { prisma } from '../lib/db.js'
import { HttpError } from '../lib/errors.js'

/** The best sellers of a vendor, sorted by a column that the page names. */
export async function bestSellers(vendorId: string, sort: string) {
  return prisma.$queryRawUnsafe<{ productId: number; pieces: bigint; revenue: number }[]>(
    `SELECT item."productId", sum(item."quantity") AS pieces, sum(item."quantity" * item."unitPrice") AS revenue
     FROM "OrderItem" item JOIN "Order" ord ON ord."id" = item."orderId"
     WHERE ord."vendorId" = '${vendorId}'
     GROUP BY item."productId"
     ORDER BY ${sort} DESC
     LIMIT 50`,
  )
}

const COLUMNS = {
  pieces: Prisma.sql`pieces`,
  revenue: Prisma.sql`revenue`,
} as const

/** The same, with parameters and a list of the columns that may sort. */
export async function bestSellersByCategory(vendorId: string, categoryId: number, sort: string) {
  const column = sort in COLUMNS ? COLUMNS[sort as keyof typeof COLUMNS] : undefined
  if (!column) {
    throw new HttpError(400, 'sort by pieces or revenue')
  }
  return prisma.$queryRaw<{ productId: number; pieces: bigint; revenue: Prisma.Decimal }[]>`
    SELECT item."productId", sum(item."quantity") AS pieces, sum(item."quantity" * item."unitPrice") AS revenue
    FROM "OrderItem" item
    JOIN "Order" ord ON ord."id" = item."orderId"
    JOIN "Product" product ON product."id" = item."productId"
    WHERE ord."vendorId" = ${vendorId}::uuid AND product."categoryId" = ${categoryId}
    GROUP BY item."productId"
    ORDER BY ${column} DESC
    LIMIT 50`
}

/** Who bought lately, each customer once. */
export async function recentBuyers(vendorId: string) {
  return prisma.order.findMany({
    where: { vendorId },
    distinct: ['userId'],
    orderBy: { placedAt: 'desc' },
    take: 20,
    select: { userId: true, placedAt: true, user: { select: { fullName: true } } },
  })
}

/** Who bought most, counted by the database. */
export async function topBuyers(vendorId: string) {
  return prisma.order.groupBy({
    by: ['userId'],
    where: { vendorId, status: 'DELIVERED' },
    _sum: { total: true },
    orderBy: { _sum: { total: 'desc' } },
    take: 20,
  })
}

/** Orders of a month by status, for the finance meeting. */
export async function monthByStatus(start: Date, end: Date) {
  const orders = await prisma.order.findMany({
    where: { placedAt: { gte: start, lt: end } },
    include: { items: true },
  })
  const sums = new Map<string, Prisma.Decimal>()
  for (const order of orders) {
    sums.set(order.status, (sums.get(order.status) ?? new Prisma.Decimal(0)).add(order.total))
  }
  return sums
}

/** The same for one vendor, added up where the rows are. */
export async function vendorMonthByStatus(vendorId: string, start: Date, end: Date) {
  return prisma.order.groupBy({
    by: ['status'],
    where: { vendorId, placedAt: { gte: start, lt: end } },
    _sum: { total: true },
    _count: true,
  })
}
