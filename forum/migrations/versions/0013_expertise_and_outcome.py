"""expertise and outcome: what members say of themselves."""

import sqlalchemy as sa
from alembic import op

revision = '0013'
down_revision = '0012'
branch_labels = None
depends_on = None

# What a list of threads can be narrowed by stands in each of its indexes.
NARROWS = ['kind', 'reply_count', 'recommended_count', 'helpful_count', 'outcome', 'author_id', 'held', 'hidden']
LISTS = {
    'ix_thread_list': ['area_id', 'visible', 'pinned', 'last_post_at', 'id'],
    'ix_thread_newest': ['area_id', 'visible', 'created_at', 'id', 'last_post_at'],
    'ix_thread_thanked': ['area_id', 'visible', 'thanks_count', 'last_post_at', 'id'],
}


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
    op.create_table('contact_message',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('by_id', sa.Integer(), nullable=False),
    sa.Column('to_id', sa.Integer(), nullable=False),
    sa.Column('subject', sa.String(), nullable=False),
    sa.Column('body', sa.String(), nullable=False),
    sa.Column('send_key', sa.String(), nullable=True),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['by_id'], ['member.id'], name=op.f('fk_contact_message_by_id')),
    sa.ForeignKeyConstraint(['to_id'], ['member.id'], name=op.f('fk_contact_message_to_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_contact_message')),
    sa.UniqueConstraint('by_id', 'send_key', name=op.f('uq_contact_message_by_id_send_key'))
    )
    with op.batch_alter_table('contact_message', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_contact_message_at'), ['at'], unique=False)
        batch_op.create_index(batch_op.f('ix_contact_message_by_id_contact_message_at'), ['by_id', 'at'], unique=False)
        batch_op.create_index(batch_op.f('ix_contact_message_to_id'), ['to_id'], unique=False)

    op.create_table('help_request',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('thread_id', sa.Integer(), nullable=False),
    sa.Column('place', sa.Integer(), nullable=False),
    sa.Column('member_id', sa.Integer(), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('answer', sa.String(), nullable=True),
    sa.CheckConstraint("answer IN ('yes', 'no')", name=op.f('ck_help_request_answer')),
    sa.ForeignKeyConstraint(['member_id'], ['member.id'], name=op.f('fk_help_request_member_id')),
    sa.ForeignKeyConstraint(['thread_id'], ['thread.id'], name=op.f('fk_help_request_thread_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_help_request')),
    sa.UniqueConstraint('thread_id', 'member_id', name=op.f('uq_help_request_thread_id_member_id')),
    sa.UniqueConstraint('thread_id', 'place', name=op.f('uq_help_request_thread_id_place'))
    )
    with op.batch_alter_table('help_request', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_help_request_member_id_help_request_at'), ['member_id', 'at'], unique=False)

    # Rows that are there get a value; the default is the step's, not the schema's.
    with op.batch_alter_table('thread', schema=None) as batch_op:
        batch_op.add_column(sa.Column('outcome', sa.String(), nullable=True))
        batch_op.add_column(sa.Column('outcome_note', sa.String(), nullable=False, server_default=''))
        batch_op.add_column(sa.Column('outcome_at', sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column('outcome_asked_at', sa.DateTime(timezone=True), nullable=True))
    with op.batch_alter_table('thread', schema=None) as batch_op:
        batch_op.alter_column('outcome_note', server_default=None)
        batch_op.create_check_constraint(batch_op.f('ck_thread_outcome'), "outcome IN ('solved', 'partly', 'not', 'open')")
        for name, columns in LISTS.items():
            batch_op.drop_index(name)
            batch_op.create_index(name, [*columns, *NARROWS], unique=False)

    op.create_index('ix_post_recommended', 'post', ['author_id', 'created_at'], unique=False, sqlite_where=sa.text('recommended = 1'), postgresql_where=sa.text('recommended'))
