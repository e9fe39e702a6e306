import { PrismaClient, Prisma } from '@prisma/client'
export const prisma = globalThis.p ?? new PrismaClient().$extends({})
@Injectable() export class Service extends Base<X> {
  constructor(private readonly db: Db) { super() }
  @Get(':id') async list(@Query() q: { a?: string }) {
    const [n, rows] = await Promise.all([this.db.user.count(), this.db.user.findMany({ where: { a: q.a! } })])
    const { password, ...safe } = rows[0]
    return rows.map(({ id }) => ({ id, n })).filter(Boolean)
  }
}
const run = (xs) => prisma.$transaction(async (tx) => { await Promise.all(xs.map((x) => tx.a.upsert({ where: { x }, create: {}, update: {} }))) }, { timeout: 5 })
const part = opt ? Prisma.sql`AND x = ${y}` : Prisma.empty
prisma.$queryRawUnsafe('SELECT 1 ' + part + `${z}`, 1); while (i--) { await prisma[m].delete({}).catch(() => null) }
export default function Page() { return <Card {...row} user={prisma.user.findFirst().posts()} /> }
