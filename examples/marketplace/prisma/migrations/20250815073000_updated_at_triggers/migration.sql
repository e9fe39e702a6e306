-- The finance tool and our support write with SQL; "updatedAt" has to move for them, too.
CREATE FUNCTION set_updated_at() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path = ''
AS $$
BEGIN
    NEW."updatedAt" := pg_catalog.now();
    RETURN NEW;
END;
$$;

CREATE TRIGGER "user_set_updated_at" BEFORE UPDATE ON "user"
    FOR EACH ROW EXECUTE FUNCTION set_updated_at();

CREATE TRIGGER "Vendor_set_updated_at" BEFORE UPDATE ON "Vendor"
    FOR EACH ROW EXECUTE FUNCTION set_updated_at();

CREATE TRIGGER "Product_set_updated_at" BEFORE UPDATE ON "Product"
    FOR EACH ROW EXECUTE FUNCTION set_updated_at();

CREATE TRIGGER "ProductVariant_set_updated_at" BEFORE UPDATE ON "ProductVariant"
    FOR EACH ROW EXECUTE FUNCTION set_updated_at();

CREATE TRIGGER "Order_set_updated_at" BEFORE UPDATE ON "Order"
    FOR EACH ROW EXECUTE FUNCTION set_updated_at();

CREATE TRIGGER "Payment_set_updated_at" BEFORE UPDATE ON "Payment"
    FOR EACH ROW EXECUTE FUNCTION set_updated_at();

CREATE TRIGGER "Payout_set_updated_at" BEFORE UPDATE ON "Payout"
    FOR EACH ROW EXECUTE FUNCTION set_updated_at();
