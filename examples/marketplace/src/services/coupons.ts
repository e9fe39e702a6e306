import type { Prisma } from '@prisma/client'
import { prisma } from '../lib/db.js'
import { HttpError, isTaken } from '../lib/errors.js'

export interface NewCoupon {
  code: string
  percentOff: number
  startsAt: Date
  endsAt: Date
}

export async function create(vendorId: string, input: NewCoupon) {
  try {
    return await prisma.coupon.create({ data: { ...input, vendorId, code: input.code.toUpperCase() } })
  } catch (error) {
    if (isTaken(error)) {
      throw new HttpError(409, `there is a coupon ${input.code} already`)
    }
    throw error
  }
}

/** The coupon behind a code that a customer typed, if it holds today. */
export async function find(tx: Prisma.TransactionClient, vendorId: string, code: string) {
  const now = new Date()
  const coupon = await tx.coupon.findUnique({
    where: { vendorId_code: { vendorId, code: code.toUpperCase() } },
    select: { id: true, percentOff: true, startsAt: true, endsAt: true },
  })
  return coupon && coupon.startsAt <= now && now <= coupon.endsAt ? coupon : null
}

/** The current coupons of a vendor. */
export async function current(vendorId: string) {
  return prisma.coupon.findMany({
    where: { vendorId, endsAt: { gte: new Date() } },
    orderBy: { startsAt: 'asc' },
    take: 100,
  })
}

/** Ends a coupon early. */
export async function end(vendorId: string, code: string) {
  await prisma.coupon.update({
    where: { vendorId_code: { vendorId, code: code.toUpperCase() } },
    data: { endsAt: new Date() },
  })
}
