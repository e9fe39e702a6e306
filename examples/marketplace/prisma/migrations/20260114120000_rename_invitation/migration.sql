-- Expand: the table gets its new name, and servers of the old release go on with the old one through a view.
-- The view takes INSERT, UPDATE and DELETE as the table did. Contract: drop it when no server of the old release runs.
ALTER TABLE "Invitation" RENAME TO "VendorInvitation";
ALTER TABLE "VendorInvitation" RENAME CONSTRAINT "Invitation_pkey" TO "VendorInvitation_pkey";
ALTER TABLE "VendorInvitation" RENAME CONSTRAINT "Invitation_vendorId_fkey" TO "VendorInvitation_vendorId_fkey";
ALTER INDEX "Invitation_tokenHash_key" RENAME TO "VendorInvitation_tokenHash_key";
ALTER INDEX "Invitation_vendorId_email_key" RENAME TO "VendorInvitation_vendorId_email_key";

CREATE VIEW "Invitation" AS SELECT * FROM "VendorInvitation";
