"""texts of attachments."""

import sqlalchemy as sa
from alembic import op

revision = '0004'
down_revision = '0003'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('attachment_text',
    sa.Column('digest', sa.String(), nullable=False),
    sa.Column('state', sa.String(), nullable=False),
    sa.Column('reason', sa.String(), nullable=False),
    sa.Column('text', sa.String(), nullable=False),
    sa.CheckConstraint("state IN ('read', 'nothing', 'too_large', 'refused', 'failed')", name=op.f('ck_attachment_text_state')),
    sa.PrimaryKeyConstraint('digest', name=op.f('pk_attachment_text'))
    )
