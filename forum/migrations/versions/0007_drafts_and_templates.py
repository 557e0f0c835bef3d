"""drafts and templates."""

import sqlalchemy as sa
from alembic import op

revision = '0007'
down_revision = '0006'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('draft',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('member_id', sa.Integer(), nullable=False),
    sa.Column('place', sa.String(), nullable=False),
    sa.Column('form', sa.String(), nullable=False),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.Column('changed_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('discarded_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('fields', sa.JSON(), nullable=False),
    sa.ForeignKeyConstraint(['member_id'], ['member.id'], name=op.f('fk_draft_member_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_draft')),
    sa.UniqueConstraint('member_id', 'place', 'form', name=op.f('uq_draft_member_id_place_form'))
    )
    op.create_index(op.f('ix_draft_changed_at'), 'draft', ['changed_at'], unique=False)
    op.create_table('thread_template',
    sa.Column('area_id', sa.Integer(), nullable=False),
    sa.Column('kind', sa.String(), nullable=False),
    sa.Column('text', sa.String(), nullable=False),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.CheckConstraint("kind IN ('question', 'strategy', 'announcement')", name=op.f('ck_thread_template_kind')),
    sa.ForeignKeyConstraint(['area_id'], ['area.id'], name=op.f('fk_thread_template_area_id')),
    sa.PrimaryKeyConstraint('area_id', 'kind', name=op.f('pk_thread_template'))
    )
    op.add_column('post_version', sa.Column('send_key', sa.String(), nullable=True))
    op.create_index(op.f('ix_post_version_send_key'), 'post_version', ['send_key'], unique=False)
