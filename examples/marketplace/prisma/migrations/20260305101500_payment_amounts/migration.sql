/*
  Warnings:

  - A unique constraint covering the columns `[vendorId,period_start]` on the table `Payout` will be added. If there are existing duplicate values, this will fail.

*/
-- DropIndex
DROP INDEX "Payout_vendorId_idx";

-- AlterTable
ALTER TABLE "Payment" ALTER COLUMN "amountCents" SET DATA TYPE BIGINT;

-- CreateIndex
CREATE UNIQUE INDEX "Payout_vendorId_period_start_key" ON "Payout"("vendorId", "period_start");

-- AddForeignKey
ALTER TABLE "Review" ADD CONSTRAINT "Review_orderItemId_fkey" FOREIGN KEY ("orderItemId") REFERENCES "OrderItem"("id") ON DELETE SET NULL ON UPDATE CASCADE;
