ALTER TABLE "InventoryMovement" VALIDATE CONSTRAINT "InventoryMovement_variantId_fkey";
