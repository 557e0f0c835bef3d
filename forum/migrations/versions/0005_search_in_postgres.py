"""the search index in PostgreSQL."""

import sqlalchemy as sa
from alembic import op

revision = '0005'
down_revision = '0004'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('search_state',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('generation', sa.String(), nullable=False),
    sa.Column('stamp', sa.String(), nullable=False),
    sa.Column('version', sa.String(), nullable=False),
    sa.Column('segments', sa.Integer(), nullable=False),
    sa.Column('words', sa.LargeBinary(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_search_state'))
    )
    op.create_table('search_segment',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('generation', sa.String(), nullable=False),
    sa.Column('rows', sa.LargeBinary(), nullable=False),
    sa.Column('standing', sa.LargeBinary(), nullable=False),
    sa.Column('firsts', sa.LargeBinary(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_search_segment'))
    )
    op.create_table('search_block',
    sa.Column('segment_id', sa.Integer(), nullable=False),
    sa.Column('number', sa.Integer(), nullable=False),
    sa.Column('packed', sa.LargeBinary(), nullable=False),
    sa.ForeignKeyConstraint(['segment_id'], ['search_segment.id'], name=op.f('fk_search_block_segment_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('segment_id', 'number', name=op.f('pk_search_block'))
    )
    if op.get_bind().dialect.name == 'postgresql':
        # It is packed already: to compress it again costs time with every search.
        op.execute('ALTER TABLE search_block ALTER COLUMN packed SET STORAGE EXTERNAL')
