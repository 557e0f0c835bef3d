"""reading: what counts as read, tags in a table, thanks on threads, how pages look."""

import sqlalchemy as sa
from alembic import op

from forum.text import slug

revision = '0009'
down_revision = '0008'
branch_labels = None
depends_on = None

NARROWS = ['kind', 'reply_count', 'recommended_count', 'helpful_count', 'author_id']
TAG = sa.table('thread_tag', sa.column('thread_id'), sa.column('position'), sa.column('slug'), sa.column('name'))
THANKS = (
    'UPDATE thread SET thanks_count = coalesce((SELECT sum(post.thanks_count) FROM post '
    'WHERE post.thread_id = thread.id AND post.deleted_at IS NULL), 0)'
)


def upgrade() -> None:
    op.create_table('caught_up',
    sa.Column('member_id', sa.Integer(), nullable=False),
    sa.Column('area_id', sa.Integer(), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('before', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['area_id'], ['area.id'], name=op.f('fk_caught_up_area_id')),
    sa.ForeignKeyConstraint(['member_id'], ['member.id'], name=op.f('fk_caught_up_member_id')),
    sa.PrimaryKeyConstraint('member_id', 'area_id', name=op.f('pk_caught_up'))
    )
    op.create_table('thread_tag',
    sa.Column('thread_id', sa.Integer(), nullable=False),
    sa.Column('position', sa.Integer(), nullable=False),
    sa.Column('slug', sa.String(), nullable=False),
    sa.Column('name', sa.String(), nullable=False),
    sa.ForeignKeyConstraint(['thread_id'], ['thread.id'], name=op.f('fk_thread_tag_thread_id')),
    sa.PrimaryKeyConstraint('thread_id', 'position', name=op.f('pk_thread_tag'))
    )
    with op.batch_alter_table('thread_tag', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_thread_tag_slug_thread_tag_thread_id'), ['slug', 'thread_id'], unique=False)
    move_tags()

    with op.batch_alter_table('read_marker', schema=None) as batch_op:
        batch_op.add_column(sa.Column('kept_until', sa.DateTime(timezone=True), nullable=True))
        batch_op.create_index('ix_read_marker_kept', ['member_id'], unique=False, sqlite_where=sa.text('kept_until IS NOT NULL'), postgresql_where=sa.text('kept_until IS NOT NULL'))

    # Rows that are there get a value; the defaults are the step's, not the schema's.
    with op.batch_alter_table('member', schema=None) as batch_op:
        batch_op.add_column(sa.Column('caught_up_before', sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column('theme', sa.String(), nullable=False, server_default=''))
        batch_op.add_column(sa.Column('keys', sa.Boolean(), nullable=False, server_default=sa.true()))
    with op.batch_alter_table('member', schema=None) as batch_op:
        batch_op.alter_column('theme', server_default=None)
        batch_op.alter_column('keys', server_default=None)
        batch_op.create_check_constraint(batch_op.f('ck_member_theme'), "theme IN ('', 'light', 'dark')")

    with op.batch_alter_table('thread', schema=None) as batch_op:
        batch_op.add_column(sa.Column('thanks_count', sa.Integer(), nullable=False, server_default='0'))
        batch_op.drop_column('tags')
        batch_op.drop_index('ix_thread_list')
        batch_op.create_index('ix_thread_list', ['area_id', 'visible', 'pinned', 'last_post_at', 'id', *NARROWS], unique=False)
        batch_op.create_index('ix_thread_newest', ['area_id', 'visible', 'created_at', 'id', 'last_post_at', *NARROWS], unique=False)
    with op.batch_alter_table('thread', schema=None) as batch_op:
        batch_op.alter_column('thanks_count', server_default=None)
        batch_op.create_index('ix_thread_thanked', ['area_id', 'visible', 'thanks_count', 'last_post_at', 'id', *NARROWS], unique=False)
    with op.batch_alter_table('post', schema=None) as batch_op:
        batch_op.drop_index('ix_post_facts')
        batch_op.create_index('ix_post_facts', ['thread_id', 'deleted_at', 'author_id', 'number', 'recommended', 'helpful', 'thanks_count'], unique=False)
    op.execute(THANKS)


def move_tags() -> None:
    """From a list on the thread to rows of their own, by which threads are found."""
    tagged = sa.table('thread', sa.column('id'), sa.column('tags', sa.JSON()))
    rows = [
        {'thread_id': thread.id, 'position': place, 'slug': slug(tag, 40) or '-', 'name': ' '.join(tag.split())}
        for thread in op.get_bind().execute(sa.select(tagged.c.id, tagged.c.tags)).all()
        for place, tag in enumerate(thread.tags)
        if tag.strip()
    ]
    if rows:
        op.bulk_insert(TAG, rows)
