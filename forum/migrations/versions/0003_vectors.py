"""vectors of posts and titles."""

import sqlalchemy as sa
from alembic import op

revision = '0003'
down_revision = '0002'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('vector',
    sa.Column('post_id', sa.Integer(), nullable=False),
    sa.Column('change', sa.Integer(), nullable=False),
    sa.Column('model', sa.String(), nullable=False),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.Column('title_digest', sa.String(), nullable=True),
    sa.Column('text', sa.LargeBinary(), nullable=True),
    sa.Column('title', sa.LargeBinary(), nullable=True),
    sa.ForeignKeyConstraint(['post_id'], ['post.id'], name=op.f('fk_vector_post_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('post_id', name=op.f('pk_vector')),
    sa.UniqueConstraint('change', name=op.f('uq_vector_change'))
    )
