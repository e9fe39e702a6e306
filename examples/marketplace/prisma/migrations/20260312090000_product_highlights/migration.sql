SET lock_timeout = '5s';

-- AlterTable
ALTER TABLE "Product" ADD COLUMN     "highlight" TEXT,
ADD COLUMN     "reviewCount" INTEGER NOT NULL DEFAULT 0;

RESET lock_timeout;
