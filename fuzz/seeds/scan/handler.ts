'use server'
import { prisma as db, type T } from './db'
export async function GET(request: Request, { params: { id } }: P) {
  const where: any = { id, ...(request.query.q ? { name: { contains: request.query.q } } : {}) }
  if (!id) return
  where.a = 1
  try {
    for (const row of await db.order.findMany({ where, take: 3, include: { items: true } })) {
      await db.item.update({ where: { id: row.id }, data: { n: row.items?.[0].n ?? undefined } })
    }
  } catch (error) { if (error.code === 'P2002') throw error }
  return Response.json({ rows: await db.$queryRaw`SELECT ${id}` })
}
