import { prisma } from '../lib/db.js'

export interface Period {
  start: Date
  end: Date
}

const SETTLED = ['PAID', 'SHIPPED', 'DELIVERED'] as const

/** Makes the payouts of a period, one for each active vendor. */
export async function schedule(period: Period) {
  const vendors = await prisma.vendor.findMany({ where: { status: 'ACTIVE' } })
  for (const vendor of vendors) {
    const sum = await prisma.order.aggregate({
      where: { vendorId: vendor.id, status: { in: [...SETTLED] }, placedAt: { gte: period.start, lt: period.end } },
      _sum: { total: true },
    })
    const gross = sum._sum.total?.toNumber() ?? 0
    const amount = gross * (1 - vendor.commissionRate.toNumber())
    await prisma.payout.create({
      data: { vendorId: vendor.id, amount, iban: '', periodStart: period.start, periodEnd: period.end },
    })
  }
}

/** The sums that `schedule` needs, in one query for all vendors. */
export async function preview(period: Period) {
  const sums = await prisma.order.groupBy({
    by: ['vendorId'],
    where: { status: { in: [...SETTLED] }, placedAt: { gte: period.start, lt: period.end } },
    _sum: { total: true },
  })
  const vendors = await prisma.vendor.findMany({
    where: { id: { in: sums.map((sum) => sum.vendorId) } },
    take: sums.length,
    select: { id: true, legalName: true, commissionRate: true },
  })
  const byId = new Map(vendors.map((vendor) => [vendor.id, vendor]))
  return sums.flatMap((sum) => {
    const vendor = byId.get(sum.vendorId)
    const gross = sum._sum.total
    return vendor && gross ? [{ vendor: vendor.legalName, net: gross.sub(gross.mul(vendor.commissionRate)) }] : []
  })
}

/** The bank took the file: all of its payouts or none. */
export async function markSent(ids: string[], bankReference: string) {
  await prisma.payout.updateMany({
    where: { id: { in: ids }, status: 'SCHEDULED' },
    data: { status: 'SENT', bankReference },
  })
}

export async function ofVendor(vendorId: string) {
  return prisma.payout.findMany({
    where: { vendorId },
    orderBy: { periodStart: 'desc' },
    take: 36,
    select: { id: true, status: true, amount: true, periodStart: true, periodEnd: true },
  })
}
