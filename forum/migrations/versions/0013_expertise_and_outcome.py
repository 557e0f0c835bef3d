"""expertise and outcome: what members say of themselves."""

import sqlalchemy as sa
from alembic import op

revision = '0013'
down_revision = '0012'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('profile',
    sa.Column('member_id', sa.Integer(), nullable=False),
    sa.Column('function', sa.String(), nullable=False),
    sa.Column('expertise', sa.JSON(), nullable=False),
    sa.Column('about', sa.String(), nullable=False),
    sa.Column('telephone', sa.String(), nullable=False),
    sa.Column('photo', sa.String(), nullable=True),
    sa.Column('takes_messages', sa.Boolean(), nullable=False),
    sa.Column('takes_questions', sa.Boolean(), nullable=False),
    sa.ForeignKeyConstraint(['member_id'], ['member.id'], name=op.f('fk_profile_member_id')),
    sa.PrimaryKeyConstraint('member_id', name=op.f('pk_profile'))
    )
