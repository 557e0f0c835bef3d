"""thesaurus, searches that found nothing, saved searches."""

import sqlalchemy as sa
from alembic import op

revision = '0002'
down_revision = '0001'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('thesaurus_group',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('head', sa.String(), nullable=False),
    sa.Column('words', sa.JSON(), nullable=False),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_thesaurus_group'))
    )
    op.create_table('thesaurus_change',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('actor_id', sa.Integer(), nullable=True),
    sa.Column('before', sa.String(), nullable=False),
    sa.Column('after', sa.String(), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['actor_id'], ['member.id'], name=op.f('fk_thesaurus_change_actor_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_thesaurus_change'))
    )
    op.create_table('missed_search',
    sa.Column('text', sa.String(), nullable=False),
    sa.Column('day', sa.Date(), nullable=False),
    sa.Column('count', sa.Integer(), nullable=False),
    sa.PrimaryKeyConstraint('text', 'day', name=op.f('pk_missed_search'))
    )
    with op.batch_alter_table('missed_search', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_missed_search_day'), ['day'], unique=False)

    op.create_table('saved_search',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('member_id', sa.Integer(), nullable=False),
    sa.Column('name', sa.String(), nullable=False),
    sa.Column('query', sa.String(), nullable=False),
    sa.Column('saved_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('looked_at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['member_id'], ['member.id'], name=op.f('fk_saved_search_member_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_saved_search')),
    sa.UniqueConstraint('member_id', 'query', name=op.f('uq_saved_search_member_id_query'))
    )
