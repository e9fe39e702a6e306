-- A vendor may use a SKU again once the product that had it is deleted. Prisma's schema has no word for the predicate.
CREATE UNIQUE INDEX "Product_vendorId_sku_live_key" ON "Product"("vendorId", "sku") WHERE "deletedAt" IS NULL;
