import { PrismaClient } from '@prisma/client'

// One client, and so one pool, for the whole process; hot reload in development must not make another.
const kept = globalThis as unknown as { prisma?: PrismaClient }

export const prisma = kept.prisma ?? new PrismaClient({ log: ['warn', 'error'] })

if (process.env.NODE_ENV !== 'production') {
  kept.prisma = prisma
}
