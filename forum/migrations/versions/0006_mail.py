"""mail out: choices, watches, news, digests, outgoing mails, bounces."""

import sqlalchemy as sa
from alembic import op

revision = '0006'
down_revision = '0005'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('area_watch',
    sa.Column('member_id', sa.Integer(), nullable=False),
    sa.Column('area_id', sa.Integer(), nullable=False),
    sa.Column('level', sa.String(), nullable=True),
    sa.Column('notice', sa.Boolean(), nullable=True),
    sa.CheckConstraint("level IN ('notify', 'digest', 'mentioned', 'off')", name=op.f('ck_area_watch_level')),
    sa.ForeignKeyConstraint(['area_id'], ['area.id'], name=op.f('fk_area_watch_area_id')),
    sa.ForeignKeyConstraint(['member_id'], ['member.id'], name=op.f('fk_area_watch_member_id')),
    sa.PrimaryKeyConstraint('member_id', 'area_id', name=op.f('pk_area_watch'))
    )
    with op.batch_alter_table('area_watch', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_area_watch_area_id'), ['area_id'], unique=False)

    op.create_table('bounce',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('member_id', sa.Integer(), nullable=False),
    sa.Column('report', sa.String(), nullable=False),
    sa.Column('kind', sa.String(), nullable=False),
    sa.Column('status', sa.String(), nullable=False),
    sa.Column('diagnosis', sa.String(), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.CheckConstraint("kind IN ('hard', 'soft')", name=op.f('ck_bounce_kind')),
    sa.ForeignKeyConstraint(['member_id'], ['member.id'], name=op.f('fk_bounce_member_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_bounce')),
    sa.UniqueConstraint('report', name=op.f('uq_bounce_report'))
    )
    with op.batch_alter_table('bounce', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_bounce_member_id_bounce_at'), ['member_id', 'at'], unique=False)

    op.create_table('digest',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('member_id', sa.Integer(), nullable=False),
    sa.Column('after_number', sa.Integer(), nullable=False),
    sa.Column('up_to_number', sa.Integer(), nullable=False),
    sa.Column('after_line', sa.Integer(), nullable=False),
    sa.Column('up_to_line', sa.Integer(), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('skipped', sa.JSON(), nullable=False),
    sa.ForeignKeyConstraint(['member_id'], ['member.id'], name=op.f('fk_digest_member_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_digest'))
    )
    with op.batch_alter_table('digest', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_digest_member_id_digest_up_to_number'), ['member_id', 'up_to_number'], unique=False)

    op.create_table('digest_line',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('text', sa.String(), nullable=False),
    sa.Column('member_id', sa.Integer(), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('removed_at', sa.DateTime(timezone=True), nullable=True),
    sa.ForeignKeyConstraint(['member_id'], ['member.id'], name=op.f('fk_digest_line_member_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_digest_line'))
    )
    op.create_table('known_device',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('member_id', sa.Integer(), nullable=False),
    sa.Column('device', sa.String(), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['member_id'], ['member.id'], name=op.f('fk_known_device_member_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_known_device')),
    sa.UniqueConstraint('member_id', 'device', name=op.f('uq_known_device_member_id_device'))
    )
    op.create_table('mail_choice',
    sa.Column('member_id', sa.Integer(), nullable=False),
    sa.Column('level', sa.String(), nullable=False),
    sa.Column('rhythm', sa.String(), nullable=False),
    sa.Column('weekday', sa.Integer(), nullable=False),
    sa.Column('hour', sa.Integer(), nullable=False),
    sa.Column('zone', sa.String(), nullable=True),
    sa.Column('html', sa.Boolean(), nullable=False),
    sa.Column('notice', sa.Boolean(), nullable=False),
    sa.Column('separate', sa.Boolean(), nullable=False),
    sa.Column('stopped', sa.Boolean(), nullable=False),
    sa.Column('told_number', sa.Integer(), nullable=False),
    sa.Column('told_line', sa.Integer(), nullable=False),
    sa.Column('digest_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('last_digest_at', sa.DateTime(timezone=True), nullable=True),
    sa.CheckConstraint("level IN ('notify', 'digest', 'mentioned', 'off')", name=op.f('ck_mail_choice_level')),
    sa.CheckConstraint("rhythm IN ('daily', 'weekly', 'monthly', 'off')", name=op.f('ck_mail_choice_rhythm')),
    sa.ForeignKeyConstraint(['member_id'], ['member.id'], name=op.f('fk_mail_choice_member_id')),
    sa.PrimaryKeyConstraint('member_id', name=op.f('pk_mail_choice'))
    )
    with op.batch_alter_table('mail_choice', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_mail_choice_digest_at'), ['digest_at'], unique=False)

    op.create_table('outgoing_mail',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('key', sa.String(), nullable=False),
    sa.Column('member_id', sa.Integer(), nullable=False),
    sa.Column('kind', sa.String(), nullable=False),
    sa.Column('subject_id', sa.Integer(), nullable=False),
    sa.Column('made_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('due_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('state', sa.String(), nullable=False),
    sa.Column('attempts', sa.Integer(), nullable=False),
    sa.Column('crashes', sa.Integer(), nullable=False),
    sa.Column('answer', sa.String(), nullable=True),
    sa.Column('lease', sa.String(), nullable=True),
    sa.Column('leased_until', sa.DateTime(timezone=True), nullable=True),
    sa.Column('done_at', sa.DateTime(timezone=True), nullable=True),
    sa.CheckConstraint("kind IN ('post', 'digest', 'link', 'sign_in', 'mark', 'decision')", name=op.f('ck_outgoing_mail_kind')),
    sa.CheckConstraint("state IN ('waiting', 'sent', 'dropped', 'dead')", name=op.f('ck_outgoing_mail_state')),
    sa.ForeignKeyConstraint(['member_id'], ['member.id'], name=op.f('fk_outgoing_mail_member_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_outgoing_mail')),
    sa.UniqueConstraint('key', name=op.f('uq_outgoing_mail_key'))
    )
    with op.batch_alter_table('outgoing_mail', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_outgoing_mail_kind_outgoing_mail_subject_id'), ['kind', 'subject_id'], unique=False)
        batch_op.create_index(batch_op.f('ix_outgoing_mail_member_id'), ['member_id'], unique=False)
        batch_op.create_index(batch_op.f('ix_outgoing_mail_state_outgoing_mail_due_at_outgoing_mail_id'), ['state', 'due_at', 'id'], unique=False)

    op.create_table('thread_watch',
    sa.Column('member_id', sa.Integer(), nullable=False),
    sa.Column('thread_id', sa.Integer(), nullable=False),
    sa.Column('level', sa.String(), nullable=False),
    sa.CheckConstraint("level IN ('notify', 'digest', 'mentioned', 'off')", name=op.f('ck_thread_watch_level')),
    sa.ForeignKeyConstraint(['member_id'], ['member.id'], name=op.f('fk_thread_watch_member_id')),
    sa.ForeignKeyConstraint(['thread_id'], ['thread.id'], name=op.f('fk_thread_watch_thread_id')),
    sa.PrimaryKeyConstraint('member_id', 'thread_id', name=op.f('pk_thread_watch'))
    )
    with op.batch_alter_table('thread_watch', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_thread_watch_thread_id'), ['thread_id'], unique=False)

    op.create_table('news',
    sa.Column('number', sa.Integer(), autoincrement=False, nullable=False),
    sa.Column('event_id', sa.Integer(), nullable=False),
    sa.Column('post_id', sa.Integer(), nullable=False),
    sa.Column('what', sa.String(), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.CheckConstraint("what IN ('post', 'restored', 'recommended')", name=op.f('ck_news_what')),
    sa.ForeignKeyConstraint(['event_id'], ['event.id'], name=op.f('fk_news_event_id')),
    sa.ForeignKeyConstraint(['post_id'], ['post.id'], name=op.f('fk_news_post_id')),
    sa.PrimaryKeyConstraint('number', name=op.f('pk_news')),
    sa.UniqueConstraint('event_id', name=op.f('uq_news_event_id'))
    )
    with op.batch_alter_table('news', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_news_at'), ['at'], unique=False)
        batch_op.create_index(batch_op.f('ix_news_post_id'), ['post_id'], unique=False)

    # Rows that are there get a value; the defaults are the step's, not the schema's.
    with op.batch_alter_table('member', schema=None) as batch_op:
        batch_op.add_column(sa.Column('bounced_at', sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column('mail_epoch', sa.Integer(), nullable=False, server_default='0'))
    with op.batch_alter_table('member', schema=None) as batch_op:
        batch_op.alter_column('mail_epoch', server_default=None)

    with op.batch_alter_table('sign_in_link', schema=None) as batch_op:
        batch_op.add_column(sa.Column('nonce', sa.String(), nullable=False, server_default=''))
        batch_op.add_column(sa.Column('purpose', sa.String(), nullable=False, server_default='welcome'))
        batch_op.add_column(sa.Column('inviter_id', sa.Integer(), nullable=True))
        batch_op.add_column(sa.Column('created_at', sa.DateTime(timezone=True), nullable=False, server_default='1970-01-01 00:00:00'))
    with op.batch_alter_table('sign_in_link', schema=None) as batch_op:
        batch_op.alter_column('nonce', server_default=None)
        batch_op.alter_column('purpose', server_default=None)
        batch_op.alter_column('created_at', server_default=None)
        batch_op.create_foreign_key(batch_op.f('fk_sign_in_link_inviter_id'), 'member', ['inviter_id'], ['id'])
        batch_op.create_check_constraint(batch_op.f('ck_sign_in_link_purpose'), "purpose IN ('welcome', 'reset')")
