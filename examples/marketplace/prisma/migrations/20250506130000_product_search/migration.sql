-- Search by any part of a title: "%lamp%" needs trigrams, a B-tree cannot help.
CREATE EXTENSION IF NOT EXISTS "pg_trgm";

CREATE INDEX "Product_title_trgm_idx" ON "Product" USING GIN ("title" gin_trgm_ops);
