"""protected questions."""

import sqlalchemy as sa
from alembic import op

revision = '0012'
down_revision = '0011'
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table('member', schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f('ck_member_state'), type_='check')
        batch_op.create_check_constraint(batch_op.f('ck_member_state'), "state IN ('active', 'suspended', 'imported', 'protected')")

    with op.batch_alter_table('area', schema=None) as batch_op:
        batch_op.add_column(sa.Column('protected_allowed', sa.Boolean(), server_default=sa.false(), nullable=False))

    with op.batch_alter_table('thread', schema=None) as batch_op:
        batch_op.add_column(sa.Column('protected', sa.Boolean(), server_default=sa.false(), nullable=False))
        batch_op.add_column(sa.Column('held', sa.Boolean(), server_default=sa.false(), nullable=False))
        batch_op.add_column(sa.Column('hidden', sa.Boolean(), server_default=sa.false(), nullable=False))

    op.create_table('protected_asker',
    sa.Column('thread_id', sa.Integer(), nullable=False),
    sa.Column('persona_id', sa.Integer(), nullable=False),
    sa.Column('member_id', sa.Integer(), nullable=False),
    sa.Column('hidden_from_id', sa.Integer(), nullable=True),
    sa.Column('sent_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('send_key', sa.String(), nullable=True),
    sa.ForeignKeyConstraint(['hidden_from_id'], ['organisation.id'], name=op.f('fk_protected_asker_hidden_from_id')),
    sa.ForeignKeyConstraint(['member_id'], ['member.id'], name=op.f('fk_protected_asker_member_id')),
    sa.ForeignKeyConstraint(['persona_id'], ['member.id'], name=op.f('fk_protected_asker_persona_id')),
    sa.ForeignKeyConstraint(['thread_id'], ['thread.id'], name=op.f('fk_protected_asker_thread_id')),
    sa.PrimaryKeyConstraint('thread_id', name=op.f('pk_protected_asker')),
    sa.UniqueConstraint('member_id', 'send_key', name=op.f('uq_protected_asker_member_id_send_key')),
    sa.UniqueConstraint('persona_id', name=op.f('uq_protected_asker_persona_id'))
    )
    with op.batch_alter_table('protected_asker', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_protected_asker_member_id'), ['member_id'], unique=False)
        batch_op.create_index('ix_protected_asker_waiting', ['thread_id'], unique=False, sqlite_where=sa.text('sent_at IS NOT NULL'), postgresql_where=sa.text('sent_at IS NOT NULL'))

    op.create_table('name_opening',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('thread_id', sa.Integer(), nullable=False),
    sa.Column('asked_by_id', sa.Integer(), nullable=False),
    sa.Column('asked_why', sa.String(), nullable=False),
    sa.Column('asked_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('agreed_by_id', sa.Integer(), nullable=True),
    sa.Column('agreed_why', sa.String(), nullable=True),
    sa.Column('agreed_at', sa.DateTime(timezone=True), nullable=True),
    sa.ForeignKeyConstraint(['agreed_by_id'], ['member.id'], name=op.f('fk_name_opening_agreed_by_id')),
    sa.ForeignKeyConstraint(['asked_by_id'], ['member.id'], name=op.f('fk_name_opening_asked_by_id')),
    sa.ForeignKeyConstraint(['thread_id'], ['thread.id'], name=op.f('fk_name_opening_thread_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_name_opening'))
    )
    with op.batch_alter_table('name_opening', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_name_opening_thread_id'), ['thread_id'], unique=False)
