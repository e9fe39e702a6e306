-- Nobody has asked for the phone number in a year.
ALTER TABLE "Vendor" DROP COLUMN "supportPhone";

-- "name" everywhere, like the rest of the industry.
ALTER TABLE "Product" RENAME COLUMN "title" TO "name";

-- Large vendors pay less commission.
ALTER TABLE "Vendor" ADD COLUMN "tier" TEXT;

UPDATE "Vendor" SET "tier" = CASE WHEN "commissionRate" < 0.1 THEN 'gold' ELSE 'standard' END;

ALTER TABLE "Vendor" ALTER COLUMN "tier" SET NOT NULL;
