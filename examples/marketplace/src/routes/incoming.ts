import { createHmac, timingSafeEqual } from 'node:crypto'
import { PrismaClient } from '@prisma/client'
import type { FastifyInstance } from 'fastify'
import { prisma } from '../lib/db.js'
import { HttpError } from '../lib/errors.js'
import { capture, chargeback } from '../services/payments.js'

interface PaymentEvent {
  type: 'charge.authorized' | 'charge.disputed' | 'charge.failed'
  chargeId: string
}

function checkSignature(body: string, given: string | undefined) {
  const expected = createHmac('sha256', process.env.PAYMENT_SECRET ?? '').update(body).digest()
  const actual = Buffer.from(given ?? '', 'hex')
  if (actual.length !== expected.length || !timingSafeEqual(actual, expected)) {
    throw new HttpError(401, 'wrong signature')
  }
}

/** What the payment service and the carriers tell us. */
export async function incomingRoutes(app: FastifyInstance) {
  app.post<{ Body: PaymentEvent }>('/payments', async (request) => {
    checkSignature(JSON.stringify(request.body), request.headers['x-signature']?.toString())
    const { type, chargeId } = request.body
    if (type === 'charge.disputed') {
      await chargeback(chargeId)
      return { ok: true }
    }
    const payment = await prisma.payment.findUnique({ where: { chargeId }, select: { id: true, orderId: true } })
    if (payment && type === 'charge.authorized') {
      await capture(payment.orderId)
    }
    if (payment && type === 'charge.failed') {
      await prisma.payment.update({ where: { id: payment.id }, data: { status: 'FAILED' } })
    }
    return { ok: true }
  })

  app.post<{ Body: { carrier: string; trackingNumber: string } }>('/carriers', async (request) => {
    const client = new PrismaClient()
    const { carrier, trackingNumber } = request.body
    const { count } = await client.shipment.updateMany({
      where: { carrier, trackingNumber },
      data: { status: 'DELIVERED' },
    })
    return { known: count > 0 }
  })
}
