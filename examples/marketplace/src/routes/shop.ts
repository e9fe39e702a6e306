import type { FastifyInstance } from 'fastify'
import { requireViewer } from '../lib/auth.js'
import * as catalog from '../services/catalog.js'
import * as checkout from '../services/checkout.js'
import * as members from '../services/members.js'
import * as orders from '../services/orders.js'
import * as reviews from '../services/reviews.js'

export async function shopRoutes(app: FastifyInstance) {
  app.get<{ Querystring: { after?: string } }>('/products', async (request) =>
    catalog.newest(request.query.after ? Number(request.query.after) : null),
  )

  app.get<{ Querystring: { page?: string } }>('/products/all', async (request) =>
    catalog.numberedPage(Number(request.query.page ?? '1')),
  )

  app.get<{ Querystring: { q: string } }>('/search', async (request) => catalog.search(request.query.q))

  app.get<{ Params: { id: string } }>('/products/:id', async (request) => {
    const product = await catalog.productPage(Number(request.params.id))
    const [path, stars] = await Promise.all([
      catalog.breadcrumbs(product.categoryId),
      reviews.summary(product.id),
    ])
    return { ...product, path, stars }
  })

  app.get<{ Params: { id: string }; Querystring: { after?: string } }>('/products/:id/reviews', async (request) =>
    reviews.ofProduct(Number(request.params.id), request.query.after),
  )

  app.get('/categories', async () => catalog.categoryTree())
  app.get('/vendors', async () => catalog.storefronts())
  app.get<{ Params: { slug: string } }>('/vendors/:slug', async (request) => catalog.storefront(request.params.slug))

  app.post<{ Body: { email: string; password: string; fullName: string } }>('/accounts', async (request) =>
    members.signUp(request.body.email, request.body.password, request.body.fullName),
  )

  app.post<{ Body: { email: string; password: string } }>('/sessions', async (request, reply) => {
    const token = await members.signIn(request.body.email, request.body.password)
    return reply.header('set-cookie', `session=${token}; HttpOnly; Secure; Path=/; SameSite=Lax`).send({ ok: true })
  })

  app.get('/me', async (request) => {
    const viewer = await requireViewer(request)
    return members.profile(viewer.userId)
  })

  app.get('/me/orders', async (request) => {
    const viewer = await requireViewer(request)
    return orders.ofCustomer(viewer.userId)
  })

  app.post<{ Body: { variantId: string; quantity: number } }>('/cart', async (request) => {
    const viewer = await requireViewer(request)
    await checkout.addToCart(viewer.userId, request.body.variantId, request.body.quantity)
    return { ok: true }
  })

  app.post<{ Body: checkout.CheckoutInput }>('/checkout', async (request) => {
    const viewer = await requireViewer(request)
    return checkout.checkout(viewer.userId, request.body)
  })

  app.post<{ Params: { id: string }; Body: { rating: number; body: string } }>(
    '/products/:id/reviews',
    async (request) => {
      const viewer = await requireViewer(request)
      await reviews.write(viewer.userId, Number(request.params.id), request.body.rating, request.body.body)
      return { ok: true }
    },
  )
}
