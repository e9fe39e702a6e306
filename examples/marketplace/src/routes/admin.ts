import type { FastifyInstance } from 'fastify'
import { prisma } from '../lib/db.js'
import { requireAdmin } from '../lib/auth.js'
import * as orders from '../services/orders.js'
import * as payouts from '../services/payouts.js'
import * as reviews from '../services/reviews.js'

const PAGE = 50

export async function adminRoutes(app: FastifyInstance) {
  app.addHook('preHandler', async (request) => {
    await requireAdmin(request)
  })

  app.get<{ Querystring: { q?: string } }>('/vendors', async (request) =>
    prisma.vendor.findMany({
      where: { legalName: { contains: request.query.q ?? '' } },
      orderBy: { createdAt: 'desc' },
      take: PAGE,
    }),
  )

  app.get<{ Querystring: { page?: string } }>('/orders', async (request) =>
    prisma.order.findMany({
      orderBy: { createdAt: 'desc' },
      skip: (Number(request.query.page ?? '1') - 1) * PAGE,
      take: PAGE,
      select: { id: true, number: true, status: true, total: true },
    }),
  )

  app.get<{ Querystring: { email: string } }>('/orders/by-email', async (request) =>
    orders.byEmail(request.query.email),
  )

  app.post<{ Body: { vendorId?: string } }>('/orders/cancel-stale', async (request) => ({
    cancelled: await orders.cancelStale(request.body, new Date(Date.now() - 3 * 86_400_000)),
  }))

  app.get('/reviews/queue', async () => reviews.queueLines())

  app.post<{ Body: { start: string; end: string } }>('/payouts', async (request) => {
    await payouts.schedule({ start: new Date(request.body.start), end: new Date(request.body.end) })
    return { ok: true }
  })

  app.get<{ Querystring: { start: string; end: string } }>('/payouts/preview', async (request) =>
    payouts.preview({ start: new Date(request.query.start), end: new Date(request.query.end) }),
  )

  app.get<{ Querystring: { after?: string } }>('/users', async (request) =>
    prisma.user.findMany({
      where: request.query.after ? { id: { gt: request.query.after } } : {},
      orderBy: { id: 'asc' },
      take: PAGE,
      select: { id: true, email: true, fullName: true, role: true, createdAt: true },
    }),
  )
}
