import type { FastifyInstance } from 'fastify'
import { encrypt } from '../lib/crypto.js'
import { prisma } from '../lib/db.js'
import { requireMember, requireViewer } from '../lib/auth.js'
import * as audit from '../services/audit.js'
import * as catalog from '../services/catalog.js'
import * as coupons from '../services/coupons.js'
import * as members from '../services/members.js'
import * as orders from '../services/orders.js'
import * as payouts from '../services/payouts.js'
import * as reports from '../services/reports.js'

interface VendorParams {
  vendorId: string
}

interface OrderParams extends VendorParams {
  orderId: string
}

export async function vendorRoutes(app: FastifyInstance) {
  // All routes below :vendorId are for its members.
  app.addHook<{ Params: Partial<VendorParams> }>('preHandler', async (request) => {
    const viewer = await requireViewer(request)
    if (request.params.vendorId) {
      await requireMember(viewer, request.params.vendorId)
    }
  })

  app.post<{ Body: { slug: string; legalName: string } }>('/', async (request) => {
    const viewer = await requireViewer(request)
    return members.openVendor(viewer.userId, request.body.slug, request.body.legalName)
  })

  app.get<{ Params: VendorParams }>('/:vendorId', async (request) =>
    prisma.vendor.findUnique({
      where: { id: request.params.vendorId },
      select: { id: true, slug: true, legalName: true, status: true, tier: true },
    }),
  )

  app.get<{ Params: VendorParams }>('/:vendorId/orders', async (request) => ({
    open: await orders.countOpen(request.params.vendorId),
    orders: await orders.ofVendor(request.params.vendorId),
  }))

  app.get<{ Params: OrderParams }>('/:vendorId/orders/:orderId', async (request) =>
    orders.detail(request.params.vendorId, request.params.orderId),
  )

  app.post<{ Params: OrderParams }>('/:vendorId/orders/:orderId/ship', async (request) => {
    await orders.setStatus(request.params.vendorId, request.params.orderId, 'SHIPPED')
    return { ok: true }
  })

  app.post<{ Body: { orderIds: string[] } }>('/packing-list', async (request) =>
    orders.packingList(request.body.orderIds),
  )

  app.get<{ Params: VendorParams; Querystring: { sort?: string } }>('/:vendorId/best-sellers', async (request) =>
    reports.bestSellers(request.params.vendorId, request.query.sort ?? 'pieces'),
  )

  app.get<{ Params: VendorParams; Querystring: { since: string } }>('/:vendorId/export', async (request, reply) => {
    const lines = await orders.exportLines(request.params.vendorId, new Date(request.query.since))
    return reply.type('text/csv').send(lines.join('\n'))
  })

  app.post<{ Params: VendorParams; Body: catalog.NewProduct }>('/:vendorId/products', async (request) =>
    catalog.addProduct(request.params.vendorId, request.body),
  )

  app.post<{ Params: VendorParams; Body: coupons.NewCoupon }>('/:vendorId/coupons', async (request) =>
    coupons.create(request.params.vendorId, request.body),
  )

  app.get<{ Params: VendorParams }>('/:vendorId/payouts', async (request) => payouts.ofVendor(request.params.vendorId))

  app.get<{ Params: VendorParams; Querystring: { before?: string } }>('/:vendorId/audit', async (request) => {
    const before = request.query.before ? BigInt(request.query.before) : null
    const entries = await audit.entriesOf(request.params.vendorId, before)
    return entries.map((entry) => ({ ...entry, id: entry.id.toString() }))
  })

  app.post<{ Params: VendorParams; Body: { url: string; secret: string } }>(
    '/:vendorId/webhooks',
    async (request) =>
      prisma.webhookEndpoint.create({
        data: {
          vendorId: request.params.vendorId,
          url: request.body.url,
          secretEncrypted: encrypt(request.body.secret),
        },
        select: { id: true, url: true, enabled: true },
      }),
  )
}
