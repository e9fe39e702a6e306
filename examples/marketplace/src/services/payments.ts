import { prisma } from '../lib/db.js'
import { HttpError, notFound } from '../lib/errors.js'

const api = process.env.PAYMENT_API ?? 'http://localhost:4010'

export interface Charge {
  id: string
  status: 'authorized' | 'captured' | 'failed'
}

async function call<T>(path: string, body: object): Promise<T> {
  const response = await fetch(`${api}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
    signal: AbortSignal.timeout(8000),
  })
  if (!response.ok) {
    throw new HttpError(502, `payment service answered ${response.status}`)
  }
  return (await response.json()) as T
}

export function authorize(orderId: string, amountCents: number, source: string): Promise<Charge> {
  return call<Charge>('/charges', { reference: orderId, amount: amountCents, source })
}

export function refundCharge(chargeId: string): Promise<Charge> {
  return call<Charge>(`/charges/${chargeId}/refund`, {})
}

/** Captures what was authorized and marks the order as paid. */
export async function capture(orderId: string) {
  return prisma.$transaction(async (tx) => {
    const payment = await tx.payment.findFirst({
      where: { orderId, status: 'AUTHORIZED' },
      select: { id: true, chargeId: true },
    })
    if (!payment) {
      throw notFound('authorized payment')
    }
    const charge = await call<Charge>(`/charges/${payment.chargeId}/capture`, {})
    if (charge.status !== 'captured') {
      throw new HttpError(402, 'payment was declined')
    }
    await tx.payment.update({ where: { id: payment.id }, data: { status: 'CAPTURED' } })
    await tx.order.update({ where: { id: orderId }, data: { status: 'PAID' } })
  })
}

/** Gives the money back: first the call, then both rows in one short transaction. */
export async function refund(vendorId: string, orderId: string) {
  const payment = await prisma.payment.findFirst({
    where: { orderId, status: 'CAPTURED', order: { vendorId } },
    select: { id: true, chargeId: true },
  })
  if (!payment) {
    throw notFound('captured payment')
  }
  await refundCharge(payment.chargeId)
  await prisma.$transaction([
    prisma.payment.update({ where: { id: payment.id }, data: { status: 'REFUNDED' } }),
    prisma.order.update({ where: { id: orderId }, data: { status: 'CANCELLED' } }),
  ])
}

/** The payment service says that a charge was disputed and lost. */
export async function chargeback(chargeId: string) {
  const payment = await prisma.payment.update({
    where: { chargeId },
    data: { status: 'REFUNDED' },
    select: { orderId: true },
  })
  await prisma.order.update({ where: { id: payment.orderId }, data: { status: 'CANCELLED' } })
  await prisma.auditLog.create({ data: { action: 'chargeback', subject: payment.orderId } })
}
