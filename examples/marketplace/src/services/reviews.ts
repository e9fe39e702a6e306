import { prisma } from '../lib/db.js'
import { HttpError } from '../lib/errors.js'

/** One review for each customer and product: a second one replaces the first. */
export async function write(userId: string, productId: number, rating: number, body: string) {
  const item = await prisma.orderItem.findFirst({
    where: { productId, order: { userId, status: 'DELIVERED' } },
    select: { id: true },
  })
  if (!item) {
    throw new HttpError(403, 'only for those who bought it')
  }
  await prisma.review.upsert({
    where: { productId_userId: { productId, userId } },
    create: { productId, userId, orderItemId: item.id, rating, body },
    update: { rating, body },
  })
}

export async function ofProduct(productId: number, after?: string) {
  return prisma.review.findMany({
    where: { productId },
    orderBy: { id: 'asc' },
    take: 20,
    ...(after ? { cursor: { id: after }, skip: 1 } : {}),
    select: { id: true, rating: true, body: true, createdAt: true, user: { select: { fullName: true } } },
  })
}

/** Average and number, made by the database. */
export async function summary(productId: number) {
  const { _avg, _count } = await prisma.review.aggregate({
    where: { productId },
    _avg: { rating: true },
    _count: true,
  })
  return { average: _avg.rating, count: _count }
}

/** The reviews that wait for a look. */
export async function unverified() {
  return prisma.review.findMany({
    where: { verified: null },
    orderBy: { createdAt: 'asc' },
    take: 50,
    include: { product: true, user: { select: { id: true, fullName: true } } },
  })
}

/** The moderation queue as the page shows it: text and author only. */
export async function queueLines() {
  const reviews = await unverified()
  return reviews.map((review) => `${review.user.fullName}: ${review.body}`)
}

/** The marks are set one by one, all at once. */
export async function verifyAll(ids: string[]) {
  await Promise.all(ids.map((id) => prisma.review.update({ where: { id }, data: { verified: true } })))
}

export async function reject(ids: string[]) {
  await prisma.review.updateMany({ where: { id: { in: ids } }, data: { verified: false } })
}
