import type { Prisma } from '@prisma/client'
import { prisma } from '../lib/db.js'

export interface Entry {
  vendorId?: string
  actorId?: string
  action: string
  subject: string
  payload?: Prisma.InputJsonObject
}

/** Writes an entry in the caller's transaction: either both happen or neither. */
export async function record(tx: Prisma.TransactionClient, entry: Entry): Promise<void> {
  await tx.auditLog.create({ data: entry })
}

/** Writes an entry from places where an error must not disturb the request. */
export async function recordQuietly(entry: Entry): Promise<void> {
  try {
    await prisma.auditLog.create({ data: entry })
  } catch {}
}

/** A vendor's entries, newest first, a page at a time. */
export async function entriesOf(vendorId: string, before: bigint | null, size = 50) {
  return prisma.auditLog.findMany({
    where: { vendorId, ...(before === null ? {} : { id: { lt: before } }) },
    orderBy: { id: 'desc' },
    take: size,
    select: { id: true, action: true, subject: true, actorId: true, createdAt: true },
  })
}

/** Everything that somebody ever did, for the privacy export. */
export async function entriesByActor(actorId: string) {
  return prisma.auditLog.findMany({
    where: { actorId },
    orderBy: { createdAt: 'asc' },
  })
}

/** Entries about one subject, by a key of their payload: the GIN index serves it. */
export async function entriesAbout(vendorId: string, orderNumber: string) {
  return prisma.$queryRaw<{ id: bigint; action: string; createdAt: Date }[]>`
    SELECT "id", "action", "createdAt"
    FROM "AuditLog"
    WHERE "vendorId" = ${vendorId}::uuid AND "payload" @> ${JSON.stringify({ order: orderNumber })}::jsonb
    ORDER BY "id" DESC
    LIMIT 100`
}
