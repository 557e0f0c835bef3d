"""flags, and posts that move from thread to thread."""

import sqlalchemy as sa
from alembic import op

revision = '0011'
down_revision = '0010'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('flag',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('post_id', sa.Integer(), nullable=False),
    sa.Column('member_id', sa.Integer(), nullable=False),
    sa.Column('reason', sa.String(), nullable=False),
    sa.Column('words', sa.String(), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('entry_id', sa.Integer(), nullable=True),
    sa.CheckConstraint("reason IN ('confidential', 'unkind', 'off_topic', 'outdated', 'other')", name=op.f('ck_flag_reason')),
    sa.ForeignKeyConstraint(['entry_id'], ['moderation_entry.id'], name=op.f('fk_flag_entry_id')),
    sa.ForeignKeyConstraint(['member_id'], ['member.id'], name=op.f('fk_flag_member_id')),
    sa.ForeignKeyConstraint(['post_id'], ['post.id'], name=op.f('fk_flag_post_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_flag'))
    )
    with op.batch_alter_table('flag', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_flag_entry_id'), ['entry_id'], unique=False)
        batch_op.create_index(batch_op.f('ix_flag_member_id'), ['member_id'], unique=False)
        batch_op.create_index('uq_flag_open', ['post_id', 'member_id'], unique=True, sqlite_where=sa.text('entry_id IS NULL'), postgresql_where=sa.text('entry_id IS NULL'))

    # In place, with the reference in the column: to copy the table of posts would take minutes and double the file.
    op.execute('ALTER TABLE thread ADD COLUMN merged_into_id INTEGER CONSTRAINT fk_thread_merged_into_id REFERENCES thread (id)')
    op.execute('ALTER TABLE post ADD COLUMN moved_to_id INTEGER CONSTRAINT fk_post_moved_to_id REFERENCES post (id)')
    op.execute('ALTER TABLE post ADD COLUMN came_from VARCHAR')
    # The newest post is now that of the latest time: what was merged in, or imported, may stand behind newer ones.
    newest = '(SELECT {} FROM post WHERE post.thread_id = thread.id AND post.deleted_at IS NULL ORDER BY post.created_at DESC, post.id DESC LIMIT 1)'
    op.execute(f"UPDATE thread SET last_post_at = {newest.format('post.created_at')}, last_author_id = {newest.format('post.author_id')} WHERE EXISTS {newest.format('1')}")
