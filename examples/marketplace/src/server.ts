import Fastify from 'fastify'
import { prisma } from './lib/db.js'
import { HttpError } from './lib/errors.js'
import { adminRoutes } from './routes/admin.js'
import { incomingRoutes } from './routes/incoming.js'
import { shopRoutes } from './routes/shop.js'
import { vendorRoutes } from './routes/vendor.js'

const app = Fastify({ logger: true })

app.setErrorHandler((error, request, reply) => {
  if (error instanceof HttpError) {
    return reply.status(error.status).send({ error: error.message })
  }
  request.log.error(error)
  return reply.status(500).send({ error: 'internal error' })
})

app.get('/health', async () => {
  await prisma.$queryRaw`SELECT 1`
  return { ok: true }
})

await app.register(shopRoutes)
await app.register(vendorRoutes, { prefix: '/vendor' })
await app.register(adminRoutes, { prefix: '/admin' })
await app.register(incomingRoutes, { prefix: '/incoming' })

await app.listen({ port: Number(process.env.PORT ?? '3000'), host: '0.0.0.0' })
