import { prisma } from '../lib/db.js'

interface DigestRow {
  vendorId: string
  legalName: string
  supportPhone: string | null
  title: string
  pieces: bigint
}

/** The weekly mail: what sold best in each shop, and the number that support may call. */
export async function digestRows(since: Date): Promise<DigestRow[]> {
  return prisma.$queryRaw<DigestRow[]>`
    SELECT vendor."id" AS "vendorId", vendor."legalName", vendor."supportPhone", product."title",
           sum(item."quantity") AS pieces
    FROM "OrderItem" item
    JOIN "Order" ord ON ord."id" = item."orderId"
    JOIN "Vendor" vendor ON vendor."id" = ord."vendorId"
    JOIN "Product" product ON product."id" = item."productId"
    WHERE ord."placedAt" >= ${since} AND vendor."deletedAt" IS NULL
    GROUP BY vendor."id", product."id"
    ORDER BY vendor."id", pieces DESC
    LIMIT 10000`
}

/** One text for each vendor. */
export async function digests(since: Date): Promise<Map<string, string>> {
  const texts = new Map<string, string>()
  for (const row of await digestRows(since)) {
    const line = `${row.title}: ${row.pieces} sold`
    const before = texts.get(row.vendorId) ?? `${row.legalName} (${row.supportPhone ?? 'no phone'})`
    texts.set(row.vendorId, `${before}\n${line}`)
  }
  return texts
}

/** The vendors that get one, in portions that memory can hold. */
export async function* recipients() {
  let after: string | undefined
  for (;;) {
    const page = await prisma.vendor.findMany({
      where: { status: 'ACTIVE', deletedAt: null, ...(after ? { id: { gt: after } } : {}) },
      orderBy: { id: 'asc' },
      take: 200,
      select: { id: true, owner: { select: { email: true } } },
    })
    yield* page
    const last = page.at(-1)
    if (!last || page.length < 200) {
      return
    }
    after = last.id
  }
}
