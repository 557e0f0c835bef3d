"""What a search would find with another thesaurus: the first page of hits before and after."""

from collections.abc import Mapping
from dataclasses import dataclass

from forum.members.models import Viewer
from forum.search.queries import HITS_A_PAGE, FoundPost, Results, Wish, search
from forum.search.synonyms import Thesaurus


@dataclass(frozen=True)
class Trial:
    """Two answers to one search."""

    text: str
    before: Results
    after: Results

    @property
    def compared(self) -> int:
        """How many hits of either answer are looked at."""
        return HITS_A_PAGE

    @property
    def places_before(self) -> Mapping[int, int]:
        """Post → its place before."""
        return {hit.post.post_id: place for place, hit in enumerate(self.before.posts, 1)}

    @property
    def gone(self) -> list[FoundPost]:
        """What was there before and is not after."""
        still = {hit.post.post_id for hit in self.after.posts}
        return [hit for hit in self.before.posts if hit.post.post_id not in still]


def try_out(viewer: Viewer, text: str, thesaurus: Thesaurus) -> Trial:
    """Search twice, with the viewer's eyes: as everybody does now, and with this thesaurus."""
    wish = Wish(text)
    return Trial(text, search(viewer, wish), search(viewer, wish, thesaurus=thesaurus))
