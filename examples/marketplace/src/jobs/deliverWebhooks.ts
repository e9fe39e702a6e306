import { createHmac } from 'node:crypto'
import type { Prisma } from '@prisma/client'
import { prisma } from '../lib/db.js'
import { decrypt } from '../lib/crypto.js'

const BATCH = 50
const LEASE_MS = 60_000

interface Due {
  id: string
  endpoint_id: string
  event_type: string
  payload: Prisma.JsonValue
  attempt_count: number
}

/** Takes deliveries that are due; other workers skip them and take the next ones. */
async function takeDue(): Promise<Due[]> {
  const lease = new Date(Date.now() + LEASE_MS)
  return prisma.$queryRaw<Due[]>`
    UPDATE "webhook_delivery" SET "next_attempt_at" = ${lease}, "attempt_count" = "attempt_count" + 1
    WHERE "id" IN (
      SELECT "id" FROM "webhook_delivery"
      WHERE "status" = 'QUEUED' AND "next_attempt_at" <= now()
      ORDER BY "next_attempt_at"
      LIMIT ${BATCH}
      FOR UPDATE SKIP LOCKED
    )
    RETURNING "id", "endpoint_id", "event_type", "payload", "attempt_count"`
}

/** Sends one round. The calls are made with no transaction open. */
export async function deliverDue(): Promise<number> {
  const due = await takeDue()
  const endpoints = await prisma.webhookEndpoint.findMany({
    where: { id: { in: due.map((delivery) => delivery.endpoint_id) }, enabled: true },
    take: BATCH,
    select: { id: true, url: true, secretEncrypted: true },
  })
  const byId = new Map(endpoints.map((endpoint) => [endpoint.id, endpoint]))
  const delivered: string[] = []
  for (const delivery of due) {
    const endpoint = byId.get(delivery.endpoint_id)
    if (endpoint && (await send(endpoint, delivery))) {
      delivered.push(delivery.id)
    }
  }
  await prisma.webhookDelivery.updateMany({ where: { id: { in: delivered } }, data: { status: 'DELIVERED' } })
  return due.length
}

async function send(endpoint: { url: string; secretEncrypted: Uint8Array }, delivery: Due): Promise<boolean> {
  const body = JSON.stringify({ type: delivery.event_type, data: delivery.payload })
  const signature = createHmac('sha256', decrypt(endpoint.secretEncrypted)).update(body).digest('hex')
  try {
    const response = await fetch(endpoint.url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-signature': signature },
      body,
      signal: AbortSignal.timeout(10_000),
    })
    return response.ok
  } catch {
    return false
  }
}

/** Queues an event for all endpoints of a vendor. */
export async function enqueue(vendorId: string, eventType: string, payload: Prisma.InputJsonObject) {
  const endpoints = await prisma.webhookEndpoint.findMany({
    where: { vendorId, enabled: true },
    take: 20,
    select: { id: true },
  })
  await prisma.webhookDelivery.createMany({
    data: endpoints.map((endpoint) => ({ endpointId: endpoint.id, eventType, payload, nextAttemptAt: new Date() })),
  })
}

/** Switches off endpoints that have failed too often. */
export async function disableFailing() {
  const failing = await prisma.webhookDelivery.groupBy({
    by: ['endpointId'],
    where: { status: 'FAILED' },
    having: { endpointId: { _count: { gt: 100 } } },
    _count: true,
  })
  for (const group of failing) {
    const endpoint = await prisma.webhookEndpoint.findFirst({ where: { id: group.endpointId } })
    if (endpoint?.enabled) {
      await prisma.webhookEndpoint.update({ where: { id: endpoint.id }, data: { enabled: false } })
    }
  }
}
