/**
 * The page: a store, the shell around the views, and the router that mounts one of them.
 *
 * Data flows one way: a control navigates to a URL, the router reads it into the store, the view asks the service and
 * puts the answer into the store, and the parts that subscribe to the answer show it. Back and shared links start at
 * the URL.
 */

import { byId } from './dom.js';
import { readAddress, startRouter } from './router.js';
import { bindShell } from './shell.js';
import { Store } from './store.js';
import { VIEWS } from './views.js';

const store = new Store({ address: readAddress() });
bindShell(store, VIEWS);
startRouter(byId('view'), store, VIEWS);
