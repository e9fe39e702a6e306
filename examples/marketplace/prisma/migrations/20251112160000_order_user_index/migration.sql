-- CreateIndex
CREATE INDEX CONCURRENTLY "Order_userId_placedAt_idx" ON "Order"("userId", "placedAt" DESC);
