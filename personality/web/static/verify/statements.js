// Reads the operator's statements on content, page by page, and verifies them.
import { Failure } from './failure.js';
import { Chain } from './withheld.js';

const maxStatements = 100_000n;

/**
 * readStatements returns the chain of statements, or null if the registry has no such list.
 * @param {View} operator the operator log
 * @param {{length: bigint, head: string}} [seen] what is remembered of the chain
 */
export async function readStatements(registry, operator, seen) {
  const chain = new Chain(operator.first.id, operator.log);
  for (;;) {
    const page = await registry.withheld(chain.next);
    if (page === null) break;
    for (const statement of page.statements) await chain.append(statement);
    if (chain.next >= page.total) {
      demandSeen(chain, seen);
      return chain;
    }
    if (page.statements.length === 0) throw new Failure('withheld-chain', 'the list of what is withheld ends early');
    if (chain.next > maxStatements) throw new Failure('too-large', `the list of what is withheld has more than ${maxStatements} statements`);
  }
  demandSeen(chain, seen);
  return null;
}

function demandSeen(chain, seen) {
  if (!seen || seen.length === 0n || chain.hashes[Number(seen.length) - 1] === seen.head) return;
  throw new Failure('withheld-rewound', `the list of what is withheld lacks statement ${seen.length - 1n}, which this browser saw: statements were taken back or changed`);
}
