import { Prisma } from '@prisma/client'
import { cached } from '../lib/cache.js'
import { prisma } from '../lib/db.js'
import { isTaken, HttpError, notFound } from '../lib/errors.js'

const PAGE = 24

const card = {
  id: true,
  name: true,
  price: true,
  vendor: { select: { slug: true, legalName: true } },
} satisfies Prisma.ProductSelect

const live = { published: true, deletedAt: null } satisfies Prisma.ProductWhereInput

/** The newest products, a page at a time, continued from the last product of the page before. */
export async function newest(after: number | null) {
  return prisma.product.findMany({
    where: live,
    orderBy: { createdAt: 'desc' },
    take: PAGE,
    ...(after === null ? {} : { cursor: { id: after }, skip: 1 }),
    select: card,
  })
}

/** A category's products, continued by a key that no two rows share. */
export async function inCategory(categoryId: number, after: number | null) {
  return prisma.product.findMany({
    where: { ...live, categoryId },
    orderBy: [{ createdAt: 'desc' }, { id: 'desc' }],
    take: PAGE,
    ...(after === null ? {} : { cursor: { id: after }, skip: 1 }),
    select: card,
  })
}

/** Search in names; the trigram index serves it. */
export async function search(text: string) {
  const term = text.trim().slice(0, 80)
  if (term.length < 3) {
    return []
  }
  return prisma.product.findMany({
    where: { ...live, name: { contains: term, mode: 'insensitive' } },
    orderBy: { id: 'desc' },
    take: PAGE,
    select: card,
  })
}

/** One numbered page of the catalogue with the number of all. */
export async function numberedPage(page: number) {
  const [total, items] = await Promise.all([
    prisma.product.count({ where: live }),
    prisma.product.findMany({
      where: live,
      orderBy: { id: 'desc' },
      skip: (page - 1) * PAGE,
      take: PAGE,
      select: card,
    }),
  ])
  return { total, pages: Math.ceil(total / PAGE), items }
}

/** Vendors for the start page, each with a few of its products. */
export async function storefronts() {
  return prisma.vendor.findMany({
    where: { status: 'ACTIVE', deletedAt: null },
    orderBy: { id: 'asc' },
    take: 20,
    select: {
      slug: true,
      legalName: true,
      products: { where: live, orderBy: { id: 'desc' }, take: 4, select: { id: true, name: true, price: true } },
    },
  })
}

/** One vendor with its newest products: one parent, so the database limits the rows. */
export async function storefront(slug: string) {
  const vendor = await prisma.vendor.findUnique({
    where: { slug, deletedAt: null },
    select: {
      id: true,
      slug: true,
      legalName: true,
      products: { where: live, orderBy: { id: 'desc' }, take: 12, select: { id: true, name: true, price: true } },
    },
  })
  if (!vendor) {
    throw notFound('vendor')
  }
  return vendor
}

/** The most discussed products. */
export async function mostReviewed() {
  return prisma.product.findMany({
    where: live,
    orderBy: { reviews: { _count: 'desc' } },
    take: 10,
    select: card,
  })
}

/** The categories are few and change once a month: read whole, kept an hour. */
export async function categoryTree() {
  return cached('categories', 3600, () =>
    prisma.category.findMany({
      orderBy: [{ parentId: 'asc' }, { position: 'asc' }],
      take: 1000,
      select: { id: true, parentId: true, name: true, slug: true },
    }),
  )
}

/** The names from a category up to the root. */
export async function breadcrumbs(categoryId: number): Promise<string[]> {
  const names: string[] = []
  let current: number | null = categoryId
  while (current !== null) {
    const category: { name: string; parentId: number | null } | null = await prisma.category.findUnique({
      where: { id: current },
      select: { name: true, parentId: true },
    })
    if (!category) {
      break
    }
    names.unshift(category.name)
    current = category.parentId
  }
  return names
}

/** The same for a sitemap of all categories: one recursive query. */
export async function allPaths() {
  return prisma.$queryRaw<{ id: number; path: string }[]>(Prisma.sql`
    WITH RECURSIVE tree AS (
      SELECT "id", "slug" AS path FROM "Category" WHERE "parentId" IS NULL
      UNION ALL
      SELECT child."id", tree.path || '/' || child."slug"
      FROM "Category" child JOIN tree ON child."parentId" = tree."id"
    )
    SELECT "id", path FROM tree ORDER BY path`)
}

export async function productPage(id: number) {
  const product = await prisma.product.findFirst({
    where: { id, ...live },
    select: {
      ...card,
      description: true,
      brand: true,
      attributes: true,
      categoryId: true,
      variants: { orderBy: { label: 'asc' }, select: { id: true, label: true, price: true, stock: true } },
    },
  })
  if (!product) {
    throw notFound('product')
  }
  return product
}

export interface NewProduct {
  sku: string
  name: string
  categoryId: number
  price: number
  description?: string
  variants: { label: string; price: string; stock: number }[]
}

/** A product and its variants in one nested write, which is one transaction. */
export async function addProduct(vendorId: string, input: NewProduct) {
  const { variants, ...product } = input
  try {
    return await prisma.product.create({
      data: { ...product, vendorId, variants: { create: variants } },
      select: { id: true },
    })
  } catch (error) {
    if (isTaken(error)) {
      throw new HttpError(409, `SKU ${input.sku} is taken`)
    }
    throw error
  }
}

/** Puts a word on a product unless it is there. */
export async function addTag(productId: number, tag: string) {
  const existing = await prisma.productTag.findFirst({ where: { productId, tag } })
  if (!existing) {
    await prisma.productTag.create({ data: { productId, tag } })
  }
}

/** Puts a product on somebody's list; twice is once. */
export async function addToWishlist(userId: string, productId: number) {
  await prisma.wishlistItem.upsert({
    where: { userId_productId: { userId, productId } },
    create: { userId, productId },
    update: {},
  })
}
