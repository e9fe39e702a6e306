/*
  Warnings:

  - Added the required column `channel` to the `Order` table without a default value. This is not possible if the table is not empty.
  - Made the column `placedAt` on table `Order` required. This step will fail if there are existing NULL values in that column.

*/
-- AlterTable
ALTER TABLE "Order" ADD COLUMN     "channel" TEXT NOT NULL,
ALTER COLUMN "placedAt" SET NOT NULL;

-- CreateIndex
CREATE INDEX "Order_status_placedAt_idx" ON "Order"("status", "placedAt");
