-- CreateIndex
CREATE INDEX CONCURRENTLY "OrderItem_variantId_idx" ON "OrderItem"("variantId");
