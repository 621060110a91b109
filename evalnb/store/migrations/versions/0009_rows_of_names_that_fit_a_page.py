"""A row of file names holds 256, not 1,024: it fits a page, and a search need not gather it from pieces elsewhere.

Takes SHARE ROW EXCLUSIVE on image (reading goes on) while the rows are written: about two seconds for a million.
"""

from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    op.execute("LOCK TABLE image IN SHARE ROW EXCLUSIVE MODE")
    op.execute("""
        CREATE OR REPLACE FUNCTION image_names_added() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            INSERT INTO image_names (dataset_id, block, names)
            SELECT dataset_id, id / 256, string_agg(file_name, E'\\n' ORDER BY id) FROM added
            GROUP BY dataset_id, id / 256 ORDER BY 1, 2
            ON CONFLICT (dataset_id, block) DO UPDATE SET names = image_names.names || E'\\n' || excluded.names;
            RETURN NULL;
        END $$
    """)
    op.execute("""
        CREATE OR REPLACE FUNCTION image_names_changed() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            UPDATE image_names SET names = names || E'\\n' || NEW.file_name
            WHERE dataset_id = NEW.dataset_id AND block = NEW.id / 256;
            RETURN NULL;
        END $$
    """)
    op.execute("TRUNCATE image_names")
    # As much as a page can hold stays in the row; longer names go elsewhere by themselves.
    op.execute("ALTER TABLE image_names SET (toast_tuple_target = 8160)")
    op.execute("""
        INSERT INTO image_names
        SELECT dataset_id, id / 256, string_agg(file_name, E'\\n' ORDER BY id) FROM image GROUP BY 1, 2 ORDER BY 1, 2
    """)
