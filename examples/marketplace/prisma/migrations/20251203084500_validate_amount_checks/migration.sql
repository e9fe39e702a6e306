ALTER TABLE "ProductVariant" VALIDATE CONSTRAINT "ProductVariant_stock_check";
ALTER TABLE "ProductVariant" VALIDATE CONSTRAINT "ProductVariant_price_check";
ALTER TABLE "OrderItem" VALIDATE CONSTRAINT "OrderItem_quantity_check";
ALTER TABLE "OrderItem" VALIDATE CONSTRAINT "OrderItem_unitPrice_check";
ALTER TABLE "Order" VALIDATE CONSTRAINT "Order_total_check";
