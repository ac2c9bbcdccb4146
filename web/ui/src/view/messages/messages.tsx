// What I was told: a list that can be opened. A pending sign-out stands at its head with the time that is left, also
// when its own message was closed.

import { messages } from '../../intent/messages';
import { signoutLine } from '../../model/signout';
import { agent, now } from '../../model/store';
import { text } from '../../text/en';
import { Icon } from '../parts/icon';
import { card, cls } from '../parts/parts';
import css from './messages.module.css';

const at = new Intl.DateTimeFormat(undefined, { timeStyle: 'short' });

export function Messages() {
  const t = text.messages;
  const leaving = signoutLine(agent.value?.signout, now.value, text.signout);
  return (
    <details class={cls(card, css['messages'])} open={leaving !== ''} data-testid="messages" data-count={messages.value.length}>
      <summary><Icon name="bell" size={18} />{t.title} <span class={css['soft']}>{t.count(messages.value.length)}</span></summary>
      {leaving !== '' && <p data-testid="messages-leaving"><strong>{t.kinds.signout_pending('')}</strong> {leaving}</p>}
      {messages.value.length === 0 && <p class={css['soft']}>{t.none}</p>}
      <ul>
        {messages.value.map((m) => (
          <li key={m.id} data-testid="message" data-kind={m.kind}>
            <time dateTime={m.time} class={css['soft']}>{at.format(new Date(m.time))}</time> {t.kinds[m.kind](m.about)}
          </li>
        ))}
      </ul>
    </details>
  );
}
