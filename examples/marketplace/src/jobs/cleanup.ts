import { prisma } from '../lib/db.js'

/** Removes sessions that have expired; the index on expiresAt leads to them. */
export async function expiredSessions(): Promise<number> {
  const { count } = await prisma.session.deleteMany({ where: { expiresAt: { lt: new Date() } } })
  return count
}

/** Removes old carts in portions, so that no lock and no transaction is long. */
export async function abandonedCarts(olderThan: Date): Promise<number> {
  let removed = 0
  for (;;) {
    const carts = await prisma.cart.findMany({
      where: { updatedAt: { lt: olderThan } },
      take: 500,
      select: { id: true },
    })
    if (carts.length === 0) {
      return removed
    }
    const { count } = await prisma.cart.deleteMany({ where: { id: { in: carts.map((cart) => cart.id) } } })
    removed += count
  }
}

/** Counts the reviews of each product anew. */
export async function recountReviews(): Promise<void> {
  await prisma.$executeRaw`
    UPDATE "Product" SET "reviewCount" = counted.number
    FROM (SELECT "productId", count(*)::int AS number FROM "Review" GROUP BY "productId") AS counted
    WHERE "Product"."id" = counted."productId" AND "Product"."reviewCount" <> counted.number`
}
