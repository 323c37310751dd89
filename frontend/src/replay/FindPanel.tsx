import { Button, Group, Text, TextInput } from "@mantine/core";
import { IconSearch } from "@tabler/icons-react";
import type { Ref } from "react";
import { useText } from "@/i18n/text";
import { kindWords } from "@/search/kinds";
import { Snippet } from "@/search/Snippet";
import { EmptyState, ErrorAlert } from "@/shell/Feedback";
import { MomentRow } from "./MomentRow";
import classes from "./Replay.module.css";
import type { Finder } from "./useFinder";

interface FindPanelProps {
  finder: Finder;
  input: Ref<HTMLInputElement>;
  startedAt: string;
}

/** Search in this recording. */
export function FindPanel({ finder, input, startedAt }: FindPanelProps) {
  const t = useText();
  const { hits, typed, setTyped, result, current, go } = finder;
  return (
    <div className={classes.panel}>
      <TextInput
        ref={input}
        size="xs"
        mb="xs"
        type="search"
        value={typed}
        placeholder={t("Find in this recording")}
        aria-label={t("Find in this recording")}
        onChange={(event) => setTyped(event.currentTarget.value)}
        onKeyDown={(event) => {
          if (event.nativeEvent.isComposing) return;
          if (event.key === "Enter") go(event.shiftKey ? -1 : 1);
          if (event.key === "Escape") event.currentTarget.blur();
        }}
      />
      {result.isError && <ErrorAlert error={result.error} retry={() => void result.refetch()} />}
      {typed === "" && (
        <EmptyState
          icon={<IconSearch aria-hidden="true" />}
          title={t("Find a word that was on this screen.")}
          hint={t("n and N go to the next hit and to the one before.")}
        />
      )}
      {typed !== "" && result.isSuccess && hits.length === 0 && !result.isPlaceholderData && (
        <EmptyState title={t("Nothing was found for “{query}”.", { query: typed })} />
      )}
      {hits.length > 0 && (
        <>
          <Group justify="space-between" mb={4}>
            <Text size="sm" c="dimmed" aria-live="polite">
              {t("{count, plural, one {# hit} other {# hits}}", { count: hits.length })}
              {result.hasNextPage && ` · ${t("there are more")}`}
            </Text>
          </Group>
          <div className={classes.scroll}>
            <ol className={classes.list}>
              {hits.map((hit, n) => (
                <li key={`${hit.t} ${hit.kind} ${hit.snippet}`}>
                  <MomentRow
                    startedAt={startedAt}
                    t={hit.t}
                    isCurrent={n === current}
                    isFuture={false}
                    onClick={() => finder.choose(n)}
                    aside={
                      <Text size="xs" c="dimmed">
                        {t(kindWords[hit.kind])}
                      </Text>
                    }
                  >
                    <Snippet text={hit.snippet} marks={hit.marks} />
                  </MomentRow>
                </li>
              ))}
            </ol>
            {result.hasNextPage && (
              <Button
                size="compact-sm"
                variant="default"
                fullWidth
                loading={result.isFetchingNextPage}
                onClick={() => void result.fetchNextPage()}
              >
                {t("Load 50 more")}
              </Button>
            )}
          </div>
        </>
      )}
    </div>
  );
}
