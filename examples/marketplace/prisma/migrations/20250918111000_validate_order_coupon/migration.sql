-- The other half of 20250918110000_coupons: reads and writes go on while the rows are checked.
ALTER TABLE "Order" VALIDATE CONSTRAINT "Order_couponId_fkey";
