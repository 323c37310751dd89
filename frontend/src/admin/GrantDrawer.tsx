import { Button, DataList, Drawer, Group, Stack } from "@mantine/core";
import type { ReactNode } from "react";
import type { Grant } from "@/api/types";
import { useText } from "@/i18n/text";
import { IdText } from "@/shell/IdText";
import { TimeText } from "@/shell/TimeText";
import { GrantState } from "./GrantsSection";
import { listActions, whereOf, whoOf } from "./grant-words";
import { useRemove } from "./requests";

export function GrantDrawer({ grant, close }: { grant: Grant; close: () => void }) {
  const t = useText();
  const remove = useRemove();
  const isOver = grant.state === "revoked" || grant.state === "expired";
  const withdraw = () => {
    close();
    remove({
      path: `grants/${grant.id}/`,
      title: t("Withdraw this grant?"),
      effect: t("{who} can no longer use it on {where}. Live sessions that need it end within 5 s.", {
        who: whoOf(grant),
        where: whereOf(grant),
      }),
      confirm: t("Withdraw access"),
      done: t("The grant is withdrawn."),
    });
  };
  return (
    <Drawer
      opened
      onClose={close}
      size="md"
      title={t("Grant: {who}, {where}", { who: whoOf(grant), where: whereOf(grant) })}
    >
      <Stack gap="lg">
        <DataList labelWidth={110}>
          <Fact label={t("State")}>
            <GrantState grant={grant} />
          </Fact>
          <Fact label={t("May")}>{listActions(t, grant.actions)}</Fact>
          <Fact label={t("From")}>
            <TimeText at={grant.valid_from} />
          </Fact>
          <Fact label={t("Until")}>
            {grant.valid_until ? <TimeText at={grant.valid_until} relative /> : t("No end")}
          </Fact>
          <Fact label={t("Reason")}>{grant.reason || "–"}</Fact>
          <Fact label={t("Given by")}>
            {grant.granted_by || t("System")}, <TimeText at={grant.created_at} />
          </Fact>
          {grant.revoked_at && (
            <Fact label={t("Withdrawn by")}>
              {grant.revoked_by}, <TimeText at={grant.revoked_at} />
            </Fact>
          )}
          <Fact label={t("Id")}>
            <IdText id={grant.id} />
          </Fact>
        </DataList>
        {!isOver && (
          <Group justify="flex-end">
            <Button color="red" onClick={withdraw}>
              {t("Withdraw access")}
            </Button>
          </Group>
        )}
      </Stack>
    </Drawer>
  );
}

function Fact({ label, children }: { label: string; children: ReactNode }) {
  return (
    <DataList.Item>
      <DataList.ItemLabel c="dimmed">{label}</DataList.ItemLabel>
      <DataList.ItemValue>{children}</DataList.ItemValue>
    </DataList.Item>
  );
}
