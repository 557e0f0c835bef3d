// Comfort, never need: every page is complete without this file. No words here; they come from data- attributes.

import './send.js';
import './quote.js';
import './editor.js';
import './similar.js';
import './offers.js';
import './template.js';
import './preview.js';
import './counter.js';
import './live.js';
import './more.js';
import './fill.js';
import './files.js';
import './unsent.js';
import './keys.js';
